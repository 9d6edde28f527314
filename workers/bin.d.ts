declare module '*.bin' {
  const bytes: ArrayBuffer | Uint8Array
  export default bytes
}
