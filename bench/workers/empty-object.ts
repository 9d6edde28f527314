/** Nothing but a class for the router's bindings: what the platform's start costs with them. */
import { DurableObject } from 'cloudflare:workers'

export class ConfigCoordinator extends DurableObject {}
export class CircuitBreaker extends DurableObject {}
export default { fetch: () => new Response('{"status":"ok"}') }
