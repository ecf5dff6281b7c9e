import { chapter } from './chapter.ts';

chapter('elliptic curves', 'elliptic-curves', { devices: 1 });
