import { chapter } from './chapter.ts';

chapter('identifiers, labels and searches', 'searches', { devices: 1 });
