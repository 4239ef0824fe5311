// Sessions that are created before a measurement.

/** Sends a POST, which must succeed. */
export async function post(port, path, body) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

/** Appends a hundred messages to a session. */
export function appendHundred(port, userId) {
  const content = 'hello, this is a message of about fifty characters';
  const messages = Array.from({ length: 100 }, () => ({ role: 'user', content }));
  return post(port, `/api/session/${userId}/messages`, { messages });
}
