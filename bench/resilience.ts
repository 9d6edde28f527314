/**
 * What an outage costs, and what it takes to be ready for one, on real processes: object calls of
 * healthy traffic, errors that clients see when a cell dies, and a thousand breakers that open
 * within a second. With balancing and breakers in virtual time, on the product's own code.
 *
 *   node bench/resilience.ts [--quick]
 */
import { parseArgs } from 'node:util'
import { startControl } from '../test/support/stand-in/control.ts'
import { measureBalancing } from './support/balancing-table.ts'
import { measureFailover } from './support/failover.ts'
import { measureObjectCalls } from './support/object-calls.ts'
import { measureOpenings } from './support/openings.ts'
import { deliver } from './support/section.ts'

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })

const control = await startControl()
const calls = await measureObjectCalls(control, values.quick ? 20 : 60)
await control.close()
const failovers = [await measureFailover('GET'), await measureFailover('POST')]
const openings = await measureOpenings(values.quick ? 200 : 1_000)
const balancing = measureBalancing(values.quick ? 5_000 : 20_000)

const markdown = `## Resilience

**Object calls.** ${calls.text}

**A cell dies under load.** 32 clients, one request after the other each, at one of two isolates; the
cell takes 20 ms, and all its connections and its port are closed at once. Another isolate sends 20
requests a second of its own.

${failovers[0]?.head}
${failovers.map(({ row }) => row).join('\n')}

**Many at once.** ${openings.text}

**Balancing**, simulated: ten endpoints with 8 slots each, load 60 %, one of them ten times slower.

${balancing}
`
deliver('resilience', markdown, { calls, failovers, openings })
process.exit(0)
