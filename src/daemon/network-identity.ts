/** The addresses by which the appliance can be reached. */

import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';

/** The IPv4 address shown to people: the one listened on, else the first of the machine. */
export function ipAddress(listen: string): string {
  if (listen !== '0.0.0.0' && listen !== '::') return listen;
  return external()?.address ?? '127.0.0.1';
}

/** The hardware address of the same interface. */
export function macAddress(listen: string): string {
  const address = ipAddress(listen);
  const found = ipv4Interfaces().find((info) => info.address === address) ?? external();
  return found?.mac ?? '00:00:00:00:00:00';
}

/** All IPv4 addresses of the machine except loopback. */
export function ipv4Addresses(): string[] {
  return ipv4Interfaces()
    .filter(({ internal }) => !internal)
    .map(({ address }) => address);
}

function external(): NetworkInterfaceInfo | undefined {
  return ipv4Interfaces().find(({ internal }) => !internal);
}

function ipv4Interfaces(): NetworkInterfaceInfo[] {
  return Object.values(networkInterfaces())
    .flatMap((infos) => infos ?? [])
    .filter(({ family }) => family === 'IPv4');
}
