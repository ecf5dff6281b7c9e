/** A client that leaves everything behind: `node vanishing-client.ts PORT PIN` logs in, makes keys and digests, and waits to be killed. */

import { VendorClient } from './vendor-client.ts';

const [HASH_INITIALIZE, GENERATE_EC, GENERATE_RSA] = [10, 16, 15] as const;
const [port, pin] = process.argv.slice(2) as [string, string];

const client = await VendorClient.overTls(Number(port));
await client.login(1, pin);
for (let i = 0; i < 3; i++) await client.ok(GENERATE_EC, [0, 1, 0x01]);
await client.ok(HASH_INITIALIZE, [0, 3, Buffer.alloc(0)]);
// Half a request, as it is when a program is killed while it writes.
client.socket.write(Buffer.from([0xc0, 0, 0, 0, GENERATE_RSA, 0, 0]), () => process.send?.('ready'));
