// Loaded into Next's server before anything else. Node's `server.close()` waits for connections that have not asked for
// anything yet, and browsers keep such ones at hand: Ctrl-C would take as long as they like.
import { subscribe } from "node:diagnostics_channel";
import { Server } from "node:http";

const open = new Set();
subscribe("net.server.socket", ({ socket }) => {
  open.add(socket);
  socket.once("close", () => open.delete(socket));
});

const { close } = Server.prototype;
Server.prototype.close = function closeWithUnused(...args) {
  for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
  return close.apply(this, args);
};
