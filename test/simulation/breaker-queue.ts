/** What is to happen in virtual time; equal times in the order in which they came. */
export interface Queue {
  now(): number
  schedule(at: number, act: () => void): void
  /** Runs everything up to and including `end`. */
  runUntil(end: number): void
}

interface Entry {
  readonly at: number
  readonly order: number
  readonly act: () => void
}

/** A binary heap: unlike a calendar it has no horizon, and an empty minute costs nothing. */
export function createQueue(afterEach: () => void): Queue {
  const heap: Entry[] = []
  let now = 0
  let order = 0
  return {
    now: () => now,
    schedule(at, act) {
      push(heap, { at: Math.max(now, at), order: order++, act })
    },
    runUntil(end) {
      for (let next = heap[0]; next !== undefined && next.at <= end; next = heap[0]) {
        removeFirst(heap)
        now = next.at
        next.act()
        afterEach()
      }
      now = Math.max(now, end)
    },
  }
}

const isSooner = (a: Entry, b: Entry): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order)

function push(heap: Entry[], entry: Entry): void {
  let place = heap.length
  heap.push(entry)
  while (place > 0) {
    const above = (place - 1) >> 1
    if (!isSooner(entry, heap[above]!)) break
    heap[place] = heap[above]!
    place = above
  }
  heap[place] = entry
}

function removeFirst(heap: Entry[]): void {
  const last = heap.pop()!
  const { length } = heap
  if (length === 0) return
  let place = 0
  for (;;) {
    let below = 2 * place + 1
    if (below >= length) break
    if (below + 1 < length && isSooner(heap[below + 1]!, heap[below]!)) below++
    if (!isSooner(heap[below]!, last)) break
    heap[place] = heap[below]!
    place = below
  }
  heap[place] = last
}
