/**
 * What an outage costs, and what it takes to be ready for one, on real processes: object calls of
 * healthy traffic, errors that clients see when a cell dies, and a thousand breakers that open
 * within a second. With balancing and breakers in virtual time, on the product's own code.
 *
 *   node bench/resilience.ts [--quick]
 */
import { parseArgs } from 'node:util'
import {
  measureAll,
  printErrorTable,
  printOutageTable,
} from '../test/simulation/breaker-statistics.ts'
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
const { errors, outages } = measureAll(values.quick ? 1 : 4)

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

**Breakers**, simulated: the defaults, and the defaults without \`consecutiveFailures\`; a fleet whose
isolates are all born within three seconds. An earlier study, with rules of its own, is the reference:
at 5 % errors a plain window (20 requests, 50 %) opened in 13 of 32 runs, one with warm-up, the usual
traffic and a fast window in 1 of 80; that one opened 4.6 to 6.8 s after an outage began.

Five minutes of errors that are no outage:

${printErrorTable(errors)}

A minute without the cell, after a healthy one:

${printOutageTable(outages)}
`
deliver('resilience', markdown, { calls, failovers, openings, errors, outages })
process.exit(0)
