import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

/** Says who may import whom, and how large things may grow, in the repository's own words. */

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const FOLDERS = ['shared', 'workers', 'durable-objects', 'scripts', 'bench', 'test']
const LONGEST_FILE = 250
const LONGEST_FUNCTION = 50

interface Source {
  readonly path: string
  readonly text: string
}

const sources: Source[] = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
    .map((entry) => {
      const path = relative(ROOT, join(entry.parentPath, entry.name))
      return { path, text: readFileSync(join(ROOT, path), 'utf8') }
    }),
)
const productOf = (...folders: string[]) =>
  sources.filter(({ path }) => folders.some((folder) => path.startsWith(`${folder}/`)))

interface Import {
  readonly from: string
  readonly to: string
  readonly isTypeOnly: boolean
}

/** Every import and re-export, with relative ones resolved against the file they stand in. */
function listImports({ path, text }: Source): Import[] {
  const found = text.matchAll(
    /^(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm,
  )
  return [...found].map((match) => {
    const specifier = match[2] ?? match[3] ?? ''
    const to = specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : specifier
    return { from: path, to, isTypeOnly: match[1] !== undefined }
  })
}

const forbid = (files: Source[], isAllowed: (use: Import) => boolean) =>
  files.flatMap(listImports).filter((use) => !isAllowed(use))

describe('who imports whom', () => {
  it('sees the imports at all', () => {
    expect(sources.flatMap(listImports).length).toBeGreaterThan(100)
  })

  it('keeps shared/ to itself and zod/mini', () => {
    const uses = forbid(
      productOf('shared'),
      ({ to }) => to.startsWith('shared/') || to === 'zod/mini',
    )
    expect(uses).toEqual([])
  })

  it('keeps Durable Objects away from the workers', () => {
    const allowed = /^(shared|durable-objects)\/|^cloudflare:workers$|^node:crypto$/
    expect(forbid(productOf('durable-objects'), ({ to }) => allowed.test(to))).toEqual([])
  })

  it('never lets the two planes import each other', () => {
    const uses = [
      ...forbid(productOf('workers/router'), ({ to }) => !to.startsWith('workers/admin/')),
      ...forbid(productOf('workers/admin'), ({ to }) => !to.startsWith('workers/router/')),
    ]
    expect(uses).toEqual([])
  })

  it('lets only the composition root import Durable Objects as values', () => {
    const uses = forbid(
      productOf('workers').filter(({ path }) => path !== 'workers/index.ts'),
      ({ to, isTypeOnly }) => isTypeOnly || !to.startsWith('durable-objects/'),
    )
    expect(uses).toEqual([])
  })

  it('keeps zod off the data plane', () => {
    expect(forbid(productOf('workers/router'), ({ to }) => !to.startsWith('zod'))).toEqual([])
  })

  it('names files with their ending', () => {
    const uses = forbid(
      sources,
      ({ to }) =>
        !/^(shared|workers|durable-objects|scripts|bench|test)\//.test(to) ||
        /\.(ts|mjs|bin|json)$/.test(to),
    )
    expect(uses).toEqual([])
  })
})

describe('the core is pure', () => {
  it.each([
    ['no clock', /\bDate\.now\b|\bnew Date\(\)|\bperformance\b/],
    ['no randomness', /\bMath\.random\b|\bcrypto\b/],
    [
      'no type escapes',
      /\bas any\b|: any\b|<any>|\bas unknown as\b|@ts-ignore|@ts-expect-error|biome-ignore|[\w)\]]!(?=[.;,)\s])(?!=)/,
    ],
  ])('%s', (_name, pattern) => {
    const found = productOf('shared').flatMap(({ path, text }) =>
      stripComments(text)
        .split('\n')
        .filter((line) => pattern.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    )
    expect(found).toEqual([])
  })
})

describe('sizes', () => {
  it(`no file is longer than ${LONGEST_FILE} lines`, () => {
    const long = sources
      .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > LONGEST_FILE)
    expect(long).toEqual([])
  })

  it(`no function of the product is longer than ${LONGEST_FUNCTION} lines`, () => {
    const long = productOf('shared', 'workers', 'durable-objects', 'scripts').flatMap(
      listLongFunctions,
    )
    expect(long).toEqual([])
  })
})

const stripComments = (text: string) =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')

/** By indentation, which the formatter guarantees: from a function's head to its closing brace. */
function listLongFunctions({ path, text }: Source): string[] {
  const lines = text.split('\n')
  return lines.flatMap((line, start) => {
    const head =
      /^( *)(?:export )?(?:default )?(?:async )?(?:function\b|(?:const \w+ = )?(?:async )?\([^=]*\).*=>|(?:override )?(?:async )?[\w#]+\(.*\).*) ?.*\{$/.exec(
        line,
      )
    if (head === null || /^\s*(?:if|for|while|switch|catch|describe|it)\b/.test(line)) return []
    const end = lines.findIndex((other, index) => index > start && other.startsWith(`${head[1]}}`))
    return end - start >= LONGEST_FUNCTION
      ? [`${path}:${start + 1} (${end - start + 1} lines)`]
      : []
  })
}
