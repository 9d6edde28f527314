/** How large a document and its parts may be. The ranges of single fields are in schema.ts. */

/** Of the text as sent, in UTF-8. */
export const MAX_DOCUMENT_BYTES = 8 * 1024 * 1024
/** What an object of 128 MB can check, compare and compile. */
export const MAX_ROUTING_KEYS = 250_000
export const MAX_PLACEMENTS = 2_000
export const MAX_PLACEMENT_NAME_LENGTH = 128
/** In UTF-8: what the data plane refuses as over-long. */
export const MAX_ROUTING_KEY_BYTES = 256
export const MAX_KEY_SOURCES = 8
export const MAX_ENDPOINTS = 100
export const MAX_URL_LENGTH = 2_048
export const MAX_FINDINGS = 1_000
export const MAX_WARNINGS = 100
