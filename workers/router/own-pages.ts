import type { Snapshot } from '../../shared/config/snapshot.ts'
import { isForRouterItself } from '../../shared/routing/own-pages.ts'
import { DEFAULT_KEY_SOURCES, findRoutingKey } from '../../shared/routing/routing-key.ts'
import type { Exchange, Router } from './exchange.ts'
import { handle } from './handle.ts'
import { Refusal } from './refusal.ts'

/** The router's own pages, which belong to the control plane: handed in, never imported. */
export interface OwnPages {
  serve(exchange: Exchange): Response | Promise<Response>
  /** Whether the request carries a token of the admin API. */
  isAdminCredential(exchange: Exchange): Promise<boolean>
}

/** Hosts that serve only the router's own pages, never a tenant. */
export const isAdminHost = ({ settings, target }: Exchange): boolean =>
  settings.adminHosts.size > 0 && settings.adminHosts.has(target.host)

/** A request with a routing key belongs to a tenant; one without may be for the router itself. */
export async function answerOwnPath(
  exchange: Exchange,
  router: Router,
  own: OwnPages,
): Promise<Response> {
  const { headers, target, settings, trail } = exchange
  const snapshot = await findSnapshot(exchange, router)
  trail.revision = snapshot?.revision ?? 0
  const sources = snapshot?.routingKey ?? DEFAULT_KEY_SOURCES
  const found = findRoutingKey(sources, { headers, target })
  const hasKey = !found.ok || found.value !== null
  if (isForRouterItself(settings.adminHosts, target, hasKey)) return own.serve(exchange)
  if (hasKey && (await own.isAdminCredential(exchange)))
    throw new Refusal({ code: 'admin_credential_on_tenant_path' })
  return handle(exchange, snapshot ?? (await router.currentSnapshot(exchange)), router)
}

/**
 * Liveness must not wait for anything: before the first snapshot `/health` goes by the default
 * source alone. Without any configuration so does everything.
 */
async function findSnapshot(exchange: Exchange, router: Router): Promise<Snapshot | undefined> {
  const held = router.heldSnapshot()
  if (held !== undefined || exchange.target.path === '/health') return held
  try {
    return await router.currentSnapshot(exchange)
  } catch (error) {
    if (error instanceof Refusal) return undefined
    throw error
  }
}
