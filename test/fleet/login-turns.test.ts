import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import { LoginTurns } from '#src/fleet/login-turns.ts';
import { HalError, HalStatus } from '#src/wire/status.ts';

const isFull = (error: unknown): boolean =>
  error instanceof HalError && error.status === HalStatus.NO_CLIENT_SLOTS_AVAILABLE;

test('a host that tries many PINs at once keeps only two at the devices and no other host waiting', async () => {
  const turns = new LoginTurns();
  const open: (() => void)[] = [];
  const slow = () => new Promise<void>((resolve) => open.push(resolve));
  const guesses = Array.from({ length: 10 }, () => turns.run('10.0.0.1', slow));
  await setImmediate();
  assert.equal(open.length, 2);

  assert.equal(await turns.run('10.0.0.2', () => Promise.resolve('in')), 'in');

  // The others follow in order, each as soon as one before has ended.
  for (let done = 0; done < 10; done++) {
    open[done]?.();
    await setImmediate();
    assert.equal(open.length, Math.min(10, done + 3));
  }
  await Promise.all(guesses);
});

test('a login that fails gives its turn on; beyond a limit logins are refused at once', async () => {
  const turns = new LoginTurns();
  const { promise: end, resolve } = Promise.withResolvers<void>();
  const first = [1, 2].map(() => turns.run('host', () => end));
  const failing = Array.from({ length: 256 }, () =>
    turns.run('host', () => Promise.reject(new HalError('PIN_INCORRECT'))),
  );
  const outcomes = Promise.allSettled(failing);
  await assert.rejects(
    turns.run('host', () => end),
    isFull,
  );
  resolve();
  await Promise.all(first);
  assert.ok((await outcomes).every(({ status }) => status === 'rejected'));
  assert.equal(await turns.run('host', () => Promise.resolve(1)), 1);
});
