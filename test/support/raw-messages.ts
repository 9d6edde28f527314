/**
 * A strict reader of HTTP/1.1 messages (RFC 9112) over exact bytes. It forgives nothing: a message is
 * complete only when its own framing says so, and whatever a lenient peer could read in two ways is
 * malformed. Text is Latin-1, so that one character is one byte.
 */
export type Framing = 'none' | 'content-length' | 'chunked' | 'until-close'

export interface RawMessage {
  /** Request line or status line, without its CRLF. */
  readonly startLine: string
  /** As sent, in order; a value keeps its trailing blanks. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly framing: Framing
  /** Without chunk framing; of an incomplete message, what arrived. */
  readonly body: Buffer
  readonly state: 'complete' | 'incomplete' | 'malformed'
  /** Why it is malformed; '' otherwise. */
  readonly fault: string
  readonly bytes: Buffer
}

type Kind = 'request' | 'response'

interface Body {
  readonly framing: Framing
  readonly body: Buffer
  readonly end: number
  readonly state: RawMessage['state']
  readonly fault: string
}

export const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

/** All values of a header, in order. */
export function valuesOf(message: RawMessage | undefined, name: string): string[] {
  const wanted = name.toLowerCase()
  return (message?.headers ?? [])
    .filter(([candidate]) => candidate.toLowerCase() === wanted)
    .map(([, value]) => value)
}

/** The only value of a header; undefined when there is none; throws when there are several. */
export function onlyValueOf(message: RawMessage | undefined, name: string): string | undefined {
  const values = valuesOf(message, name)
  if (values.length > 1)
    throw new Error(`${name} came ${values.length} times: ${values.join(' | ')}`)
  return values[0]
}

/** Header names in lower case, each once. */
export function namesOf(message: RawMessage | undefined): string[] {
  return [...new Set((message?.headers ?? []).map(([name]) => name.toLowerCase()))]
}

export const statusOf = (message: RawMessage | undefined): number =>
  Number(message?.startLine.split(' ')[1] ?? Number.NaN)

export const targetOf = (message: RawMessage | undefined): string =>
  message?.startLine.split(' ')[1] ?? ''

export const textOf = (message: RawMessage | undefined): string =>
  message?.body.toString('latin1') ?? ''

/**
 * Every message in `bytes`; an unfinished or malformed one is the last. `ended` says that the peer sent
 * FIN, which completes a response without a length. `methods` are those of the requests answered.
 */
export function readMessages(
  bytes: Buffer,
  kind: Kind,
  ended = false,
  methods: readonly string[] = [],
): RawMessage[] {
  const messages: RawMessage[] = []
  let offset = 0
  let answered = 0
  while (offset < bytes.length) {
    const message = readMessage(bytes.subarray(offset), kind, ended, methods[answered] ?? 'GET')
    messages.push(message)
    if (message.state !== 'complete') break
    if (kind === 'response' && !isInterim(message)) answered++
    offset += message.bytes.length
  }
  return messages
}

/** 1xx, but not 101: that one is final. */
export function isInterim(message: RawMessage): boolean {
  const status = statusOf(message)
  return status >= 100 && status < 200 && status !== 101
}

function readMessage(bytes: Buffer, kind: Kind, ended: boolean, method: string): RawMessage {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) {
    const state = TOKEN.test(bytes.toString('latin1', 0, 1)) ? 'incomplete' : 'malformed'
    const fault = state === 'malformed' ? 'first byte' : ''
    return { startLine: '', headers: [], framing: 'none', body: bytes, state, fault, bytes }
  }
  const [startLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n')
  const headers = lines.map(splitHeader)
  const fault = findHeadFault(startLine, headers, kind)
  const start = headEnd + 4
  const read = fault
    ? malformed(bytes.subarray(start), fault)
    : readBody(bytes, start, headers, kind, ended, hasNoBody(startLine, method, kind))
  const { framing, body, state, end } = read
  return {
    startLine,
    headers,
    framing,
    body,
    state,
    fault: read.fault,
    bytes: bytes.subarray(0, end),
  }
}

function splitHeader(line: string): [string, string] {
  const colon = line.indexOf(':')
  if (colon < 1) return ['', line]
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+/, '')]
}

const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^\s\0]+ HTTP\/1\.[01]$/
const STATUS_LINE = /^HTTP\/1\.[01] \d{3} ?[^\r\n\0]*$/
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const FORBIDDEN = /[\0\r\n]/

function findHeadFault(startLine: string, headers: [string, string][], kind: Kind): string {
  if (!(kind === 'request' ? REQUEST_LINE : STATUS_LINE).test(startLine)) return 'start line'
  for (const [name, value] of headers) {
    if (!TOKEN.test(name)) return `header name ${JSON.stringify(name)}`
    if (FORBIDDEN.test(value)) return `header value of ${name}`
  }
  return findFramingFault(headers, kind)
}

function findFramingFault(headers: [string, string][], kind: Kind): string {
  const valuesFor = (wanted: string) =>
    headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
  const lengths = valuesFor('content-length')
  const codings = valuesFor('transfer-encoding')
  if (lengths.length > 1) return 'several Content-Length'
  if (lengths.some((length) => !/^\d+$/.test(length))) return 'Content-Length'
  if (codings.length > 1 || codings.some((coding) => coding.toLowerCase() !== 'chunked'))
    return 'Transfer-Encoding'
  if (lengths.length > 0 && codings.length > 0) return 'both Content-Length and Transfer-Encoding'
  if (kind === 'request' && valuesFor('host').length !== 1) return 'Host'
  return ''
}

function hasNoBody(startLine: string, method: string, kind: Kind): boolean {
  if (kind === 'request') return false
  const status = Number(startLine.split(' ')[1])
  return method === 'HEAD' || status < 200 || status === 204 || status === 304
}

function readBody(
  bytes: Buffer,
  start: number,
  headers: [string, string][],
  kind: Kind,
  ended: boolean,
  bodiless: boolean,
): Body {
  const find = (wanted: string) => headers.find(([name]) => name.toLowerCase() === wanted)?.[1]
  const length = find('content-length')
  const done = { state: 'complete', fault: '' } as const
  if (bodiless) return { framing: 'none', body: Buffer.alloc(0), end: start, ...done }
  if (find('transfer-encoding') !== undefined) return readChunks(bytes, start)
  if (length !== undefined) {
    const end = Math.min(bytes.length, start + Number(length))
    const state = end - start === Number(length) ? 'complete' : 'incomplete'
    return { framing: 'content-length', body: bytes.subarray(start, end), end, state, fault: '' }
  }
  if (kind === 'request') return { framing: 'none', body: Buffer.alloc(0), end: start, ...done }
  const state = ended ? 'complete' : 'incomplete'
  return {
    framing: 'until-close',
    body: bytes.subarray(start),
    end: bytes.length,
    state,
    fault: '',
  }
}

/** Chunk extensions are refused: nobody here sends any. Trailer fields are skipped. */
function readChunks(bytes: Buffer, start: number): Body {
  const chunks: Buffer[] = []
  const stop = (state: RawMessage['state'], end: number, fault = ''): Body => ({
    framing: 'chunked',
    body: Buffer.concat(chunks),
    end,
    state,
    fault,
  })
  for (let offset = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', offset)
    if (lineEnd < 0) return stop('incomplete', bytes.length)
    const line = bytes.toString('latin1', offset, lineEnd)
    if (!/^[0-9A-Fa-f]{1,12}$/.test(line))
      return stop('malformed', bytes.length, `chunk size ${JSON.stringify(line)}`)
    const size = Number.parseInt(line, 16)
    if (size === 0) return readTrailers(bytes, lineEnd + 2, stop)
    offset = lineEnd + 2 + size
    chunks.push(bytes.subarray(lineEnd + 2, Math.min(offset, bytes.length)))
    if (bytes.length < offset + 2) return stop('incomplete', bytes.length)
    if (bytes.toString('latin1', offset, offset + 2) !== '\r\n')
      return stop('malformed', bytes.length, 'no CRLF after a chunk')
    offset += 2
  }
}

function readTrailers(
  bytes: Buffer,
  start: number,
  stop: (state: RawMessage['state'], end: number) => Body,
): Body {
  if (bytes.toString('latin1', start, start + 2) === '\r\n') return stop('complete', start + 2)
  const end = bytes.indexOf('\r\n\r\n', start)
  return end < 0 ? stop('incomplete', bytes.length) : stop('complete', end + 4)
}

const malformed = (body: Buffer, fault: string): Body => ({
  framing: 'none',
  body,
  end: Number.MAX_SAFE_INTEGER,
  state: 'malformed',
  fault,
})
