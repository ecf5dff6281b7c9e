/**
 * The master key holder: the tamper-protected memory of the appliance as a small process. It outlives daemon and devices,
 * so a restart of the software keeps the master keys; it writes nothing to the disk, so they go with the power.
 *
 * `node main.ts --socket PATH` prints `ready` once it serves.
 */

import { parseArgs } from 'node:util';
import { hardenProcess } from '#src/crypto/process-hardening.ts';
import { HalError } from '#src/wire/status.ts';
import { createHolder } from './holder.ts';
import { MemoryCells } from './memory-cells.ts';
import { listenAlone } from './single-instance.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { socket: { type: 'string' } } });
  if (values.socket === undefined) throw new HalError('BAD_ARGUMENTS', 'option --socket PATH is missing');
  hardenProcess();
  // Whoever started the holder may end, hang up or be interrupted: the keys stay.
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGPIPE'] as const) process.on(signal, () => {});
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});

  const cells = new MemoryCells();
  const end = () => {
    // First the socket: whoever sees this process gone must be able to start the next one at once.
    server.close();
    cells.clear();
    process.exit(0);
  };
  const server = createHolder(cells, end);
  process.on('SIGTERM', end);
  await listenAlone(server, values.socket);
  // From here on nothing but its own end may take the keys away.
  process.on('uncaughtException', () => {});
  process.stdout.write('ready\n');
}

try {
  await main();
} catch (error) {
  process.stderr.write(`master key holder: ${(error as Error).message}\n`);
  process.exit(1);
}
