/** Serves the master key memory on a Unix socket. Whoever may open the socket may read the keys: its mode is 0600. */

import { createServer, type Server, type Socket } from 'node:net';
import { wipe } from '#src/crypto/process-hardening.ts';
import { MasterKeyState } from '#src/wire/enumerations.ts';
import { decodeArgs, encodeError, encodeReply, HEADER_SIZE, type Header, readHeader } from '#src/wire/message.ts';
import { operations } from '#src/wire/operations.ts';
import { encodeFrame, SlipDecoder } from '#src/wire/slip.ts';
import { HalError, HalStatus, WireError } from '#src/wire/status.ts';
import { type MemoryCells } from './memory-cells.ts';

/** The longest request is MKM_WRITE with 52 bytes. */
const MAX_REQUEST = 256;

/** One connection per device is usual; the rest is for a daemon that is just being replaced. */
const MAX_CONNECTIONS = 64;

const EMPTY = new Uint8Array(0);

/** A server that is not listening yet. `onShutdown` is called after the cells are cleared and the reply has left. */
export function createHolder(cells: MemoryCells, onShutdown: () => void): Server {
  const server = createServer((socket) => serve(socket, cells, onShutdown));
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

function serve(socket: Socket, cells: MemoryCells, onShutdown: () => void): void {
  const decoder = new SlipDecoder(MAX_REQUEST);
  const onFrame = (request: Uint8Array) => {
    const header = readHeader(request);
    if (header === undefined) return;
    const shutdown = header.code === operations.MKM_SHUTDOWN.code;
    const reply = answer(cells, header, request);
    send(socket, reply, shutdown ? onShutdown : undefined);
    // Both may have held a key.
    wipe(request);
    wipe(reply);
  };
  socket.on('data', (chunk: Buffer) => {
    decoder.push(chunk, onFrame, ({ head }) => {
      const header = head.length < HEADER_SIZE ? undefined : readHeader(head);
      if (header) send(socket, encodeError(header.code, header.client, HalStatus.RPC_PACKET_OVERFLOW));
    });
    wipe(chunk);
  });
  // A client that died or sent too much has only itself to blame; its socket closes by itself.
  socket.on('error', () => {});
}

/** Writes one frame; the encoded copy is wiped once the kernel has it. */
function send(socket: Socket, payload: Uint8Array, then?: () => void): void {
  const frame = encodeFrame(payload);
  socket.write(frame, () => {
    wipe(frame);
    then?.();
  });
}

function answer(cells: MemoryCells, { code, client }: Header, request: Uint8Array): Uint8Array {
  try {
    switch (code) {
      case operations.MKM_READ.code: {
        const key = cells.read(decodeArgs('MKM_READ', request).device);
        const state = key ? MasterKeyState.SET : MasterKeyState.NOT_SET;
        return encodeReply('MKM_READ', client, { state, key: key ?? EMPTY });
      }
      case operations.MKM_WRITE.code: {
        const { device, key } = decodeArgs('MKM_WRITE', request);
        cells.write(device, key);
        return encodeReply('MKM_WRITE', client, {});
      }
      case operations.MKM_TRANSFER_KEY.code:
        return encodeReply('MKM_TRANSFER_KEY', client, { key: cells.transferKey });
      case operations.MKM_SHUTDOWN.code:
        cells.clear();
        return encodeReply('MKM_SHUTDOWN', client, {});
      default:
        return encodeError(code, client, HalStatus.RPC_BAD_FUNCTION);
    }
  } catch (error) {
    // Not even a bug may end this process: the keys would be gone.
    const known = error instanceof HalError || error instanceof WireError;
    return encodeError(code, client, known ? error.status : HalStatus.ASSERTION_FAILED);
  }
}
