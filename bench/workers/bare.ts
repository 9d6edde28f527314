/** The floor of the platform: one fetch, nothing read, nothing changed. */
import { env } from 'cloudflare:workers'

const { UPSTREAM } = env as unknown as { UPSTREAM: string }

export default {
  fetch: (request: Request) =>
    fetch(UPSTREAM + request.url.slice(request.url.indexOf('/', 8)), request),
}
