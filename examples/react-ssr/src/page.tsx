import { hydrateRoot } from 'react-dom/client';
import { Shop } from './shop.tsx';

const [root, options] = ['root', 'options'].map((id) => document.getElementById(id));
if (root && options) hydrateRoot(root, <Shop options={JSON.parse(options.textContent ?? '')} />);
