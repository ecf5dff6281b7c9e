import { chapter } from './chapter.ts';

chapter('points of elliptic curves', 'points', { devices: 1 });
