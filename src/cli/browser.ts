// Opens a page in the browser of whoever sits at the terminal.
import { spawn } from 'node:child_process';

/** Where there is no browser to open, the link that was printed is enough. */
export function openBrowser(link: string): void {
  const [command, ...args] = {
    darwin: ['open', link],
    win32: ['rundll32', 'url.dll,FileProtocolHandler', link],
  }[process.platform as string] ?? ['xdg-open', link];
  const child = spawn(command!, args, { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}
