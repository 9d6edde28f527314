import type { Problem } from '../../shared/problem/problem.ts'
import { fail, type Result, succeed } from '../../shared/result.ts'

/** The body as text, counted while it is read: never more than `limitBytes` are held. */
export async function readText(
  request: Request,
  limitBytes: number,
): Promise<Result<string, Problem>> {
  const tooLarge: Problem = {
    code: 'body_too_large',
    detail: `The body is larger than ${limitBytes} bytes`,
  }
  if (Number(request.headers.get('content-length')) > limitBytes) return fail(tooLarge)
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  const reader = request.body?.getReader()
  let text = ''
  let sizeBytes = 0
  try {
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
      sizeBytes += read.value.byteLength
      if (sizeBytes > limitBytes) {
        void reader?.cancel()
        return fail(tooLarge)
      }
      text += decoder.decode(read.value, { stream: true })
    }
    return succeed(text + decoder.decode())
  } catch {
    return fail({ code: 'invalid_json', detail: 'The body is cut short or is not UTF-8' })
  }
}

/** A small JSON object. */
export async function readObject(
  request: Request,
): Promise<Result<Readonly<Record<string, unknown>>, Problem>> {
  const text = await readText(request, SMALL_BYTES)
  if (!text.ok) return text
  try {
    const value: unknown = JSON.parse(text.value)
    if (isObject(value)) return succeed(value)
  } catch {
    return fail({ code: 'invalid_json', detail: 'The body is not JSON' })
  }
  return fail({ code: 'invalid_request', detail: 'The body is not a JSON object' })
}

const SMALL_BYTES = 256 * 1024

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
