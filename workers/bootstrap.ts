import exported from './bootstrap.bin'

/** Set by local builds only: the compiled demo configuration, base64. */
declare const LOCAL_BOOTSTRAP: string | undefined

/**
 * The snapshot that an isolate serves when neither the coordinator nor a replica gives it one, as
 * revision 0. A deployment bundles what `npm run bootstrap` exported into bootstrap.bin; an empty
 * file means none.
 */
export const bootstrap: Uint8Array | undefined = readBootstrap()

function readBootstrap(): Uint8Array | undefined {
  if (typeof LOCAL_BOOTSTRAP === 'string')
    return Uint8Array.from(atob(LOCAL_BOOTSTRAP), (character) => character.charCodeAt(0))
  const bytes = new Uint8Array(exported)
  return bytes.byteLength === 0 ? undefined : bytes
}
