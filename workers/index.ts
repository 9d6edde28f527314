import { openReplica } from '../durable-objects/storage/replicas.ts'
import { COORDINATOR_NAME } from '../shared/rpc/coordinator.ts'
import { createAdminApp } from './admin/app.ts'
import { isAdminCredential } from './admin/auth.ts'
import { bootstrap } from './bootstrap.ts'
import { createRouterApp } from './router/app.ts'
import { createBreakers, readStanding } from './router/breakers.ts'
import { toOwnRequest } from './router/exchange.ts'
import { createRouter } from './router/router.ts'
import { createSources } from './router/snapshot-sources.ts'
import { createSnapshotCache } from './router/snapshots.ts'
import { readClientAddress } from './router/upstream-request.ts'
import { readSettings } from './settings.ts'

/** The composition root: the only place where the two planes and the Durable Objects meet. */
export { CircuitBreaker } from '../durable-objects/circuit-breaker.ts'
export { ConfigCoordinator } from '../durable-objects/config-coordinator.ts'

const breakers = createBreakers()
const snapshots = createSnapshotCache(breakers)
const connect = (env: Env) => createSources(env, { replica: openReplica(env), bootstrap })

const admin = createAdminApp({
  coordinator: (env) => env.CONFIG.getByName(COORDINATOR_NAME),
  held: () => snapshots.peek(),
  ready: async (env, ctx) => (await snapshots.current(() => connect(env), ctx)) !== undefined,
  afterPublish: (env, ctx) => ctx.waitUntil(snapshots.refreshNow(() => connect(env), ctx)),
  breaker: (env, placement) => env.BREAKER?.getByName(placement),
  afterOverride: (placement, view) => breakers.learn(placement, view, Date.now()),
  standing: (placement) => readStanding(breakers, placement, Date.now()),
  clientAddress: (request, env) => readClientAddress(request, readSettings(env)) ?? 'unknown',
})

export default createRouterApp(createRouter(snapshots, breakers, connect), {
  serve: (exchange) => admin.fetch(toOwnRequest(exchange), exchange.env, exchange.ctx),
  isAdminCredential: ({ request, env }) => isAdminCredential(request, env),
}) satisfies ExportedHandler<Env>
