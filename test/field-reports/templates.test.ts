import { chapter } from './chapter.ts';

chapter('templates of programs for key generation', 'templates', { devices: 1 });
