// Which stream's page is open, or the desk: the address says it, so that it can be kept, shared and gone back from.

const PREFIX = "#/entity/";
const DESK = "#/desk";

export const href = (key) => PREFIX + encodeURIComponent(key);

export const deskHref = (conversation) => `${DESK}/${encodeURIComponent(conversation)}`;

/** The stream in the address, or null. */
export const stream = () => after(PREFIX) || null;

/** The conversation that is open on the desk, "" for the desk alone, null for elsewhere. */
export const desk = () => (location.hash === DESK ? "" : after(`${DESK}/`));

function after(prefix) {
  if (!location.hash.startsWith(prefix)) return null;
  try {
    return decodeURIComponent(location.hash.slice(prefix.length));
  } catch {
    return null; // half an escape
  }
}

export function close() {
  if (desk()) location.hash = DESK;
  else if (desk() !== null || stream() !== null) location.hash = "#/";
}
