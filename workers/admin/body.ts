import { type JsonObject, parseJson } from '../../shared/config/json.ts'
import type { Problem } from '../../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'
import { refuseRequest } from './call.ts'

/** The body as text, counted while it is read: never much more than `limitBytes` are held. */
export async function readText(
  request: Request,
  limitBytes: number,
): Promise<Result<string, Problem>> {
  const tooLarge: Problem = {
    code: 'body_too_large',
    detail: `The body is larger than ${limitBytes} bytes`,
  }
  if (Number(request.headers.get('content-length')) > limitBytes) return fail(tooLarge)
  const chunks: Uint8Array[] = []
  const reader = request.body?.getReader()
  let sizeBytes = 0
  try {
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
      sizeBytes += read.value.byteLength
      if (sizeBytes > limitBytes) {
        void reader?.cancel()
        return fail(tooLarge)
      }
      chunks.push(read.value)
    }
  } catch {
    return refuseRequest('The body broke off')
  }
  const bytes = await new Blob(chunks).bytes()
  try {
    return succeed(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes))
  } catch {
    return refuseJson('The body is not UTF-8', findMalformed(bytes))
  }
}

/** A small JSON object. */
export async function readObject(request: Request): Promise<Result<JsonObject, Problem>> {
  const text = await readText(request, SMALL_BYTES)
  return text.ok ? parseObject(text.value) : text
}

/** The same, or nothing at all. */
export async function readOptionalObject(request: Request): Promise<Result<JsonObject, Problem>> {
  const text = await readText(request, SMALL_BYTES)
  if (!text.ok) return text
  return text.value === '' ? succeed(new Map()) : parseObject(text.value)
}

function parseObject(text: string): Result<JsonObject, Problem> {
  const parsed = parseJson(text)
  if (!parsed.ok) return refuseJson(parsed.error.message, parsed.error)
  return parsed.value instanceof Map
    ? succeed(parsed.value)
    : refuseRequest('The body is not a JSON object')
}

const SMALL_BYTES = 256 * 1024

interface Place {
  readonly line: number
  readonly column: number
}

const refuseJson = (message: string, { line, column }: Place) =>
  fail<Problem>({
    code: 'invalid_json',
    detail: `${message} (line ${line}, column ${column})`,
    extra: { line, column },
  })

/** Where bytes stop being UTF-8, which is where they change when they are decoded and encoded again. */
function findMalformed(bytes: Uint8Array): Place {
  const repaired = new TextEncoder().encode(
    new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(bytes),
  )
  const at = bytes.findIndex((byte, index) => byte !== repaired[index])
  // A stream leaves out what may be the beginning of a character.
  const text = new TextDecoder().decode(bytes.subarray(0, at), { stream: true })
  const lines = text.split(/\r\n?|\n/)
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 }
}
