/** The status page as HTML and as JSON. */

import { type Led, ledsOf, type StatusReport } from './status-report.ts';

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character] ?? '');
}

export function statusPage(report: StatusReport): string {
  const { power, system, tamper } = ledsOf(report);
  const devices = report.devices.map(
    ({ index, running, stateText }) =>
      `<li${running ? '' : ' class="down"'}>CrypTech Device ${index}: ${escape(stateText)}</li>`,
  );
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Diamond HSM</title>
<link rel="icon" href="/logo.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<main>
<h1>Diamond HSM Status</h1>
<h2>${escape(report.address)}</h2>
<ul class="leds">
${led('POWER', power)}
${led('SYSTEM', system)}
${led('TAMPER', tamper)}
</ul>
<ul class="devices">
${devices.join('\n') || '<li class="down">No CrypTech device answers.</li>'}
</ul>
<dl>
<dt>Version</dt><dd>${escape(report.version)}</dd>
<dt>Serial number</dt><dd>${escape(report.serial)}</dd>
<dt>Up for</dt><dd>${duration(report.uptimeSeconds)}</dd>
</dl>
<img src="/logo.svg" alt="Diamond HSM" width="96" height="96">
</main>
</body>
</html>
`;
}

function led(name: string, { colour, blinks }: Led): string {
  const words = blinks ? `${colour}, blinking` : colour;
  return `<li><span class="led ${colour}${blinks ? ' blinks' : ''}" role="img" aria-label="${words}"></span>${name}</li>`;
}

/** Two largest units: "3 d 4 h", "4 h 7 min", "7 min 9 s", "9 s". */
function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3_600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ] as const;
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}

/** The same facts for programs. */
export function statusJson(report: StatusReport): string {
  return `${JSON.stringify({ ...report, leds: ledsOf(report) })}\n`;
}
