/** A valid document of schema 1; a test names only what it is about. */
export function aDocument(
  changes: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    schema: 1,
    label: 'demo',
    routingTable: { acme: 'tier1', visa: 'visa' },
    defaultPlacement: 'tier3',
    placements: {
      tier1: { kind: 'tier', endpoints: ['https://tier1.example.com'], fallback: ['tier3'] },
      tier3: { kind: 'tier', endpoints: ['https://tier3.example.com'] },
      visa: { endpoints: ['https://visa.example.com', 'https://visa-2.example.com/base'] },
    },
    ...changes,
  }
}

export const printDocument = (changes?: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(aDocument(changes))

/** A document whose text is about this long, all of it routing keys. */
export function printLargeDocument(lengthBytes: number): string {
  const routingTable: Record<string, string> = {}
  for (let i = 0; i * 60 < lengthBytes; i++)
    routingTable[`tenant-with-a-long-name-for-the-test-${i}`.padEnd(48, 'x')] = 'tier1'
  return printDocument({ routingTable })
}
