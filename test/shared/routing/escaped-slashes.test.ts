import { describe, expect, it } from 'vitest'
import { refuseEscapedSlash } from '../../../shared/routing/escaped-slashes.ts'

describe('an encoded slash in a path', () => {
  it.each([
    ['keep', '/a%2fb', true],
    ['reject', '/a%2fb', false],
    ['reject', '/a%2Fb', false],
    ['reject', '/a/b%25', true],
  ] as const)('V05 with "%s": %s is accepted: %s', (escapedSlashes, path, isAccepted) => {
    expect(refuseEscapedSlash({ escapedSlashes }, { path }).ok).toBe(isAccepted)
  })
})
