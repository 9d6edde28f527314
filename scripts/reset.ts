/** `npm run reset`: forgets the state of `npm start` (.wrangler/) and of `npm run serve` (.data/). */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './local.ts'

for (const directory of ['.wrangler', '.data']) {
  rmSync(join(ROOT, directory), { recursive: true, force: true })
  console.log(`Forgot ${directory}/`)
}
