// What people do goes to the server as JSON; what came of it arrives over the stream, as everybody's does.

/** The server's reply. Throws an Error with a line to show: `lost` when the server does not answer. */
export async function post(path, body, lost) {
  let response;
  try {
    response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  } catch {
    throw new Error(`The page’s server does not answer; ${lost}`);
  }
  const reply = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(`Not done: ${reply.error ?? `the server answered ${response.status}`}`);
  return reply;
}
