/** The pass-through of bare.ts behind Hono: what the framework alone costs. */
import { env } from 'cloudflare:workers'
import { Hono } from 'hono'

const { UPSTREAM } = env as unknown as { UPSTREAM: string }

const app = new Hono()
app.all('*', ({ req: { raw } }) => fetch(UPSTREAM + raw.url.slice(raw.url.indexOf('/', 8)), raw))

export default app
