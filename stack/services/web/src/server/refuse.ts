/** Answering who can't be given a response the usual way. */

import type { Duplex } from "node:stream";
import { STATUS_CODES } from "node:http";
import { refusalBody, type Refusal } from "./heads";

const LINGER_MS = 2_000;
const LINGER_BYTES = 8 * 1024 * 1024;

/** Write an answer on a socket whose request can't be read, and let the client read it before the line is cut. */
export function refuseOnSocket(socket: Duplex, refusal: Refusal | null): void {
  if (!refusal || !socket.writable) {
    socket.destroy();
    return;
  }
  const body = refusalBody(refusal);
  const extra = Object.entries(refusal.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.write(
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ""}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nX-Content-Type-Options: nosniff\r\n${extra}Connection: close\r\n\r\n${body}`,
  );
  // Closing while the client still writes would reset the line, and with it the answer.
  let seen = 0;
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.removeAllListeners("data");
  socket.on("data", (chunk: Buffer) => {
    seen += chunk.length;
    if (seen > LINGER_BYTES) socket.destroy();
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => { clearTimeout(timer); });
  socket.end();
}
