import { chapter } from './chapter.ts';

chapter('logins', 'login', { devices: 1 });
