/**
 * Two connected sockets, one of them for a child process. Pipes that `spawn` makes allocate 64 KiB for every read, which
 * costs a full garbage collection every thousand signatures; a socket of our own reads into one buffer.
 */

import { rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { Bug } from '#src/wire/status.ts';

const BUFFER = 65_536;

export interface SocketPair {
  /** Emits `data` with exact copies, cut from node's common slab if they are small. */
  readonly near: Socket;
  /** To be handed to a child, then destroyed here. */
  readonly far: Socket;
}

/** @param path where the sockets meet, in a folder that nobody else can look into; the file lives for that moment only */
export function socketPair(path: string): Promise<SocketPair> {
  // A process that was killed in that moment left it behind.
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    const ends: { near?: Socket; far?: Socket } = {};
    const server = createServer({ pauseOnConnect: true }, (far) => {
      ends.far = far;
      server.close();
      settle();
    });
    const settle = (): void => {
      const { near, far } = ends;
      if (near && far) resolve({ near, far });
    };
    server.once('error', reject);
    server.listen(path, () => {
      const near: Socket = connect({
        path,
        onread: {
          buffer: Buffer.allocUnsafeSlow(BUFFER),
          callback: (length, buffer) => {
            if (!(buffer instanceof Uint8Array)) throw new Bug('a socket without buffer');
            return near.emit('data', Buffer.from(buffer.subarray(0, length)));
          },
        },
      });
      near.once('error', reject);
      near.once('connect', () => {
        near.off('error', reject);
        ends.near = near;
        settle();
      });
    });
  });
}
