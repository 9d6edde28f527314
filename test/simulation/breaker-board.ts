import type { BreakerView } from '../../shared/breaker/view.ts'
import type { Views } from '../../shared/rpc/breaker.ts'
import type { World } from './breaker-world.ts'

/** The coordinator, as far as views go: the newest of each breaker, and when it was told. */
export type Board = Map<number, { readonly view: BreakerView; readonly toldAt: number }>

export function hearView(world: World, index: number, view: BreakerView): void {
  const held = world.board.get(index)?.view
  const isSame = held?.epoch === view.epoch && held.version === view.version
  world.note({ e: 'told', o: index, v: view.version, ph: view.phase })
  if (isSame || world.parts.isNewerView(view, held))
    world.board.set(index, { view, toldAt: world.now() })
}

export function printViews(world: World): Views {
  return [...world.board].map(([index, { view, toldAt }]) => {
    const placement = world.placements[index]!.name
    return { placement, view: { ...view, ageMs: Math.max(0, Math.floor(world.now() - toldAt)) } }
  })
}
