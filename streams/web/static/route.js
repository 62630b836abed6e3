// Which stream's page is open: the address says it, so that it can be kept, shared and gone back from.

const PREFIX = "#/entity/";

export const href = (key) => PREFIX + encodeURIComponent(key);

/** The stream in the address, or null. */
export function stream() {
  if (!location.hash.startsWith(PREFIX)) return null;
  try {
    return decodeURIComponent(location.hash.slice(PREFIX.length)) || null;
  } catch {
    return null; // half an escape
  }
}

export function close() {
  if (stream() !== null) location.hash = "#/";
}
