import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, it } from 'node:test';

import { silentLog } from '#src/audit/log.ts';
import { startWeb, type WebServer } from '#src/web/server.ts';
import { type StatusReport } from '#src/web/status-report.ts';

const READY: StatusReport = {
  address: '192.0.2.7',
  version: '2026-11-25-01 - 0.1.0.0',
  serial: '01234-56789',
  uptimeSeconds: 7_384,
  state: 'OPERATIONAL',
  devices: [
    { index: 0, running: true, stateText: 'Active - Ready' },
    { index: 1, running: true, stateText: 'Active - Ready' },
  ],
};

let server: WebServer;

async function serve(status: () => StatusReport = () => READY): Promise<string> {
  server = await startWeb({ host: '127.0.0.1', port: 0, status, log: silentLog });
  return `http://127.0.0.1:${server.port}`;
}

/** Sends bytes as they are and gives everything that comes back until the server ends the connection. */
async function raw(bytes: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  socket.write(bytes);
  socket.on('error', () => {}); // a reset after the answer is the server's right
  return text(socket);
}

describe('status page', () => {
  afterEach(() => server.close());

  it('shows the address, each device, version, serial number and uptime', async () => {
    const response = await fetch(await serve());
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8');
    const page = await response.text();
    for (const expected of [
      '<title>Diamond HSM</title>',
      '<h1>Diamond HSM Status</h1>',
      '<h2>192.0.2.7</h2>',
      '<li>CrypTech Device 0: Active - Ready</li>',
      '<li>CrypTech Device 1: Active - Ready</li>',
      '2026-11-25-01 - 0.1.0.0',
      '01234-56789',
      '2 h 3 min',
      'src="/logo.svg"',
    ]) {
      assert.ok(page.includes(expected), expected);
    }
  });

  it('asks the browser to look again, allows only its own resources and is not kept', async () => {
    const { headers } = await fetch(await serve());
    assert.equal(headers.get('refresh'), '10');
    assert.equal(headers.get('content-security-policy'), "default-src 'self'; frame-ancestors 'none'");
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('cache-control'), 'no-store');
  });

  it('uses nothing inline, which its own policy would block', async () => {
    const page = await (await fetch(await serve())).text();
    assert.doesNotMatch(page, /<script|<style|\sstyle=|\son\w+=/);
    const base = `http://127.0.0.1:${server.port}`;
    for (const [path, type] of [
      ['/style.css', 'text/css; charset=utf-8'],
      ['/logo.svg', 'image/svg+xml'],
    ] as const) {
      const response = await fetch(base + path);
      assert.equal(response.status, 200, path);
      assert.equal(response.headers.get('content-type'), type);
      await response.text();
    }
  });

  it('reads the state at each request', async () => {
    let report = READY;
    const base = await serve(() => report);
    await (await fetch(base)).text();
    report = {
      ...READY,
      state: 'LOCKED',
      devices: [{ index: 0, running: true, stateText: 'The HSM must be unlocked.' }],
    };
    const page = await (await fetch(base)).text();
    assert.match(page, /CrypTech Device 0: The HSM must be unlocked\./);
    assert.doesNotMatch(page, /Device 1/);
  });

  const lights: [string, Partial<StatusReport>, { system: object; tamper: object }][] = [
    ['all devices run', {}, { system: { colour: 'green', blinks: false }, tamper: { colour: 'green', blinks: false } }],
    [
      'one device is missing',
      {
        devices: [
          { index: 0, running: true, stateText: 'x' },
          { index: 1, running: false, stateText: 'x' },
        ],
      },
      { system: { colour: 'yellow', blinks: true }, tamper: { colour: 'green', blinks: false } },
    ],
    [
      'no device runs',
      { state: 'NO_DEVICE', devices: [] },
      { system: { colour: 'red', blinks: true }, tamper: { colour: 'yellow', blinks: false } },
    ],
    [
      'tamper event',
      { state: 'TAMPER' },
      { system: { colour: 'red', blinks: true }, tamper: { colour: 'red', blinks: true } },
    ],
  ];
  for (const [name, change, expected] of lights) {
    it(`shows the front LEDs: ${name}`, async () => {
      const base = await serve(() => ({ ...READY, ...change }));
      const { leds, ...report } = (await (await fetch(`${base}/status.json`)).json()) as StatusReport & {
        leds: object;
      };
      assert.deepEqual(leds, { power: { colour: 'green', blinks: false }, ...expected });
      assert.deepEqual(report, { ...READY, ...change });
      assert.equal((await fetch(base)).status, 200);
    });
  }

  it('answers HEAD like GET without the content', async () => {
    const base = await serve();
    const head = await fetch(base, { method: 'HEAD' });
    const get = await fetch(base);
    assert.equal(head.status, 200);
    assert.equal(head.headers.get('content-length'), String((await get.arrayBuffer()).byteLength));
    assert.equal(await head.text(), '');
  });

  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
    it(`refuses ${method}`, async () => {
      await serve();
      const answer = request({ host: '127.0.0.1', port: server.port, method, path: '/' }).end();
      const [response] = (await once(answer, 'response')) as [import('node:http').IncomingMessage];
      assert.equal(response.statusCode, 405);
      assert.equal(response.headers.allow, 'GET, HEAD');
      await text(response);
    });
  }

  it('does not read a body that somebody sends', async () => {
    await serve();
    const answer = await raw('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\nabc');
    assert.match(answer, /^HTTP\/1\.1 405 /);
    assert.match(answer, /^Connection: close\r$/im);
  });

  for (const path of ['/nothing', '/../etc/passwd', '/status.json/', '//', '/%2e%2e/']) {
    it(`has no page ${path}`, async () => {
      await serve();
      const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 404 /);
      assert.doesNotMatch(answer, /root:/);
    });
  }

  it('writes text of the appliance as text, never as markup', async () => {
    const base = await serve(() => ({ ...READY, serial: '<script>alert("x")</script>&' }));
    const page = await (await fetch(base)).text();
    assert.ok(page.includes('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;'));
    assert.doesNotMatch(page, /<script/);
  });

  it('tells that it cannot tell, without details, when the state cannot be read', async () => {
    const base = await serve(() => {
      throw new TypeError('secret detail');
    });
    const response = await fetch(base);
    assert.equal(response.status, 500);
    assert.doesNotMatch(await response.text(), /secret/);
    assert.equal((await fetch(`${base}/logo.svg`)).status, 200);
  });

  it('refuses header lines that are too long', async () => {
    await serve();
    const answer = await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 431 /);
  });

  for (const bytes of ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'GET\r\n\r\n', '\r\n\r\n\x00\x00']) {
    it(`outlives what is no HTTP: ${JSON.stringify(bytes)}`, async () => {
      const base = await serve();
      assert.doesNotMatch(await raw(bytes), /^HTTP\/1\.1 200/);
      assert.equal((await fetch(base)).status, 200);
    });
  }

  it('keeps at most 64 connections', async () => {
    await serve();
    const sockets = Array.from({ length: 70 }, () => connect(server.port, '127.0.0.1').on('error', () => {}));
    let closed = 0;
    await new Promise<void>((resolve) => {
      for (const socket of sockets) {
        socket.on('close', () => {
          if (++closed === 6) resolve();
        });
        socket.resume();
      }
    });
    assert.equal(closed, 6);
    for (const socket of sockets) socket.destroy();
  });

  it('says so when the port is taken', async () => {
    await serve();
    await assert.rejects(startWeb({ host: '127.0.0.1', port: server.port, status: () => READY, log: silentLog }), {
      code: 'EADDRINUSE',
    });
  });
});
