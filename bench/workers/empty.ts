/** Nothing at all: what the platform's own start costs. */
export default { fetch: () => new Response('{"status":"ok"}') }
