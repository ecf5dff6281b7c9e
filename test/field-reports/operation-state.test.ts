import { chapter } from './chapter.ts';

chapter('the state of operations', 'operation-state', { devices: 1 });
