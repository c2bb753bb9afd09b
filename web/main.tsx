// The studio's page: takes the secret out of the address, which the cookie has by now, and shows the rooms.
import { render } from 'preact';
import 'virtual:report.css';
import './style.css';
import { App } from './shell/app.tsx';

if (location.search !== '') history.replaceState(null, '', `/${location.hash}`);
render(<App />, document.getElementById('studio')!);
