import { describe } from 'vitest'
import { publishAndWait } from '../support/api.ts'
import { useBench } from '../support/conformance.ts'
import { TARGET_KINDS } from '../support/targets.ts'
import { printDocument } from './control-plane/ask.ts'
import { describeAtomicity } from './control-plane/atomicity.ts'
import { describeConditions } from './control-plane/conditions.ts'
import { describeHistory } from './control-plane/history.ts'
import { describeLimits } from './control-plane/limits.ts'
import { describePublishing } from './control-plane/publishing.ts'
import { describeRefusals } from './control-plane/refusals.ts'

describe.each(TARGET_KINDS)('the control plane, npm target %s', (kind) => {
  const bench = useBench(kind, (started) =>
    publishAndWait(started.target, printDocument(started, 'first')),
  )

  describe('refuses', () => describeRefusals(bench))
  describe('publishes', () => describePublishing(bench))
  describe('conditions', () => describeConditions(bench))
  describe('history', () => describeHistory(bench))
  describe('atomicity', () => describeAtomicity(bench))
  describe('limits', () => describeLimits(bench))
})
