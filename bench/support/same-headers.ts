/** The check that two Workers do the same to a plain request, as bytes on the wire. */
import { openWire } from './wire.ts'

const sortLines = (head: string): string[] =>
  head.split('\r\n').filter(Boolean).map(hideState).toSorted()

/** A router learns of its breakers while it runs; that the field is there is what counts. */
const hideState = (line: string): string => line.replace(/^(x-circuit-state:).*/i, '$1')

/** What the upstream received and what the client received, each as sorted lines. */
async function observe(port: number, request: string) {
  const wire = await openWire(port)
  const answer = await wire.ask(request)
  wire.close()
  const end = answer.indexOf('\r\n\r\n')
  return { sent: sortLines(answer.slice(end)), received: sortLines(answer.slice(0, end)) }
}

/** Lines that only one of the two has; empty: byte for byte the same. The order of fields is free. */
export async function findDifferences(
  ports: readonly [number, number],
  request: string,
): Promise<string[]> {
  const [one, other] = await Promise.all([observe(ports[0], request), observe(ports[1], request)])
  return (['sent', 'received'] as const).flatMap((side) => [
    ...one[side].filter((line) => !other[side].includes(line)).map((line) => `${side} −${line}`),
    ...other[side].filter((line) => !one[side].includes(line)).map((line) => `${side} +${line}`),
  ])
}
