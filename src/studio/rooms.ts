// The studio's rooms, each a file in rooms/ and a folder in web/rooms. Knows which there are.
import { openChat } from './rooms/chat.ts';
import { openCompare } from './rooms/compare.ts';
import { openData } from './rooms/data.ts';
import { openJudge } from './rooms/judge.ts';
import { openRuns } from './rooms/runs.ts';
import type { Room } from './route.ts';
import type { Studio } from './studio.ts';

type OpenRoom = (studio: Studio) => Promise<Room> | Room;

const rooms: readonly OpenRoom[] = [openChat, openJudge, openRuns, openCompare, openData];

/** Opens all; where one cannot be opened, those before it are closed. */
export async function openRooms(studio: Studio): Promise<Room[]> {
  const opened: Room[] = [];
  try {
    for (const open of rooms) opened.push(await open(studio));
    return opened;
  } catch (error) {
    for (const room of opened) await room.close?.();
    throw error;
  }
}
