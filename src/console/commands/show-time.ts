import type { Command } from '../command.ts';

/** Manual 4.2.11. */
export const showTime: Command = {
  words: ['show', 'time'],
  summary: 'Show the date and time of the HSM.',
  states: ['B', 'C', 'D', 'E'],
  async run({ terminal, settings }) {
    terminal.print(formatTime(new Date(), settings.get('x_time_zone')));
  },
};

/** The form of C's asctime: `Wed Dec 19 10:22:33 2018`; without a time zone UTC, which is then said. */
export function formatTime(time: Date, timeZone: string | undefined): string {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timeZone ?? 'UTC',
    weekday: 'short',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    year: 'numeric',
  });
  const parts = new Map(format.formatToParts(time).map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
  const clock = `${part('hour')}:${part('minute')}:${part('second')}`;
  const text = `${part('weekday')} ${part('month')} ${part('day').padStart(2)} ${clock} ${part('year')}`;
  return timeZone === undefined ? `${text} UTC` : text;
}
