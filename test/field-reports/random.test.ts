import { chapter } from './chapter.ts';

chapter('random numbers', 'random', { devices: 1 });
