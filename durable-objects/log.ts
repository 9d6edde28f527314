/** One JSON line per event of the control plane. A string, so that log tailing can parse it. */
export function log(event: string, fields: Readonly<Record<string, unknown>>): void {
  const line = JSON.stringify({ timestamp: new Date().toISOString(), event, ...fields })
  // biome-ignore lint/suspicious/noConsole: the console is where the platform collects logs
  console.log(line)
}
