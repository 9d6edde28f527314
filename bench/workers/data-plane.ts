/** The router without its control plane: no admin API, no coordinator, no replica, no bootstrap. */
import { DurableObject } from 'cloudflare:workers'
import { createRouterApp } from '../../workers/router/app.ts'
import { createBreakers } from '../../workers/router/breakers.ts'
import { createRouter } from '../../workers/router/router.ts'
import { createSources } from '../../workers/router/snapshot-sources.ts'
import { createSnapshotCache } from '../../workers/router/snapshots.ts'

export class ConfigCoordinator extends DurableObject {}
export class CircuitBreaker extends DurableObject {}

const connect = (env: Env) => createSources(env, { replica: undefined, bootstrap: undefined })

const breakers = createBreakers()

export default createRouterApp(createRouter(createSnapshotCache(breakers), breakers, connect), {
  serve: async () => new Response('{"status":"ok"}'),
  isAdminCredential: async () => false,
}) satisfies ExportedHandler<Env>
