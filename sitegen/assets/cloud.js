/* Fathom: a depth map as points in space. Loaded with three.js (globalThis.THREE) when a reader asks for the first one.
 *
 * Nothing moves by itself. The graphics card decodes depth: reading pixels back would give other numbers in browsers that
 * blur what a canvas tells. How depth is coded: GalleryCloud in sitegen/records.py. The words stand in the page's template.
 */
const { THREE } = globalThis;

const VERTEX = `
uniform sampler2D depth;
uniform vec4 lens; // fx, fy, cx, cy
uniform vec2 size;
uniform float first, step, focal;
varying vec2 place;
void main() {
  place = (position.xy + 0.5) / size;
  vec2 bytes = floor(texture2D(depth, place).rg * 255.0 + 0.5);
  float code = 256.0 * bytes.r + bytes.g;
  float z = first * exp((code - 1.0) * step);
  vec2 across = (position.xy - lens.zw) / lens.xy;
  vec4 seen = modelViewMatrix * vec4(vec3(across.x, -across.y, -1.0) * z, 1.0);
  gl_Position = code < 0.5 ? vec4(2.0, 2.0, 2.0, 1.0) : projectionMatrix * seen;
  gl_PointSize = clamp(1.2 * focal * z / lens.x / max(-seen.z, 1e-6), 1.5, 64.0); // so wide that neighbours touch
}`;
const FRAGMENT = `
uniform sampler2D colour;
varying vec2 place;
void main() { gl_FragColor = vec4(texture2D(colour, place).rgb, 1.0); }`;

const TURN = Math.PI / 36;
const ZOOM = 1.15;
/** Change of azimuth and of polar angle, factor of the distance: as if the scene were dragged that way. */
const STEPS = {
  ArrowLeft: [TURN, 0, 1], ArrowRight: [-TURN, 0, 1], ArrowUp: [0, TURN, 1], ArrowDown: [0, -TURN, 1],
  "+": [0, 0, 1 / ZOOM], "=": [0, 0, 1 / ZOOM], "-": [0, 0, ZOOM],
};

const fetched = async (url) => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status} ${url}`);
  return response;
};

const textureOf = async (url, filter) => {
  const blob = await (await fetched(url)).blob();
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const texture = new THREE.Texture(bitmap);
  return Object.assign(texture, { flipY: false, generateMipmaps: false, minFilter: filter, magFilter: filter, needsUpdate: true });
};

const gridOf = (width, height) => {
  const places = new Float32Array(3 * width * height);
  for (let pixel = 0; pixel < width * height; pixel += 1) places.set([pixel % width, Math.floor(pixel / width), 0], 3 * pixel);
  return new THREE.BufferGeometry().setAttribute("position", new THREE.BufferAttribute(places, 3));
};

const materialOf = ({ fx, fy, cx, cy, first_m: first, ratio, maps: [{ width, height }] }, colour) => {
  const values = { depth: null, colour, lens: new THREE.Vector4(fx, fy, cx, cy), size: new THREE.Vector2(width, height), first, step: Math.log(ratio), focal: 1 };
  const uniforms = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
  return new THREE.ShaderMaterial({ vertexShader: VERTEX, fragmentShader: FRAGMENT, uniforms });
};

/** The camera of the image, moved a little to the side and up round the middle of what it sees, so that depth shows. */
const standpoint = ({ cloud, depth_scale: scale }, canvas) => {
  const { height } = cloud.maps[0];
  const middle = Math.sqrt(scale.low * scale.high);
  const camera = new THREE.PerspectiveCamera((360 / Math.PI) * Math.atan(height / 2 / cloud.fy), 1, middle / 1000, middle * 1000);
  const controls = new THREE.OrbitControls(camera, canvas);
  controls.target.set(0, 0, -middle);
  camera.position.setFromSphericalCoords(middle * 1.1, Math.PI / 2 - 0.15, 0.3).add(controls.target);
  controls.update();
  controls.saveState();
  return { camera, controls };
};

const move = (camera, controls, [azimuth, polar, zoom]) => {
  const place = new THREE.Spherical().setFromVector3(camera.position.clone().sub(controls.target));
  place.set(place.radius * zoom, place.phi + polar, place.theta + azimuth).makeSafe();
  camera.position.setFromSpherical(place).add(controls.target);
  controls.update();
};

/** Wheel and pinch belong to the page until the reader has turned to the picture. */
const listen = (view, canvas, camera, controls) => {
  const act = (key) => (key === "Home" ? controls.reset() : move(camera, controls, STEPS[key]));
  controls.enableZoom = false;
  canvas.addEventListener("pointerdown", () => canvas.focus({ preventScroll: true }));
  canvas.addEventListener("focus", () => { controls.enableZoom = true; });
  canvas.addEventListener("blur", () => { controls.enableZoom = false; });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in STEPS || event.key === "Home")) return;
    event.preventDefault();
    act(event.key);
  });
  for (const button of view.querySelectorAll("button[data-key]")) button.addEventListener("click", () => act(button.dataset.key));
};

/** Fill a view (the page's template, in the document) with the cloud of an entry; return what closes it.
 *
 * `entry` is the gallery's record, `base` its address; `say` is told what went wrong later.
 */
export const showCloud = async (view, entry, base, say) => {
  const canvas = view.querySelector("canvas");
  const select = view.querySelector("select");
  const [{ width, height }] = entry.cloud.maps;
  canvas.style.aspectRatio = `${width} / ${height}`;
  const address = (file) => new URL(file, base);
  const material = materialOf(entry.cloud, await textureOf(address(entry.images[0].file), THREE.LinearFilter));
  const renderer = new THREE.WebGLRenderer({ canvas, alpha: true, antialias: true });
  renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
  const points = new THREE.Points(gridOf(width, height), material);
  points.frustumCulled = false;
  const scene = new THREE.Scene().add(points);
  const { camera, controls } = standpoint(entry, canvas);
  const { depth, focal } = material.uniforms;
  const draw = () => depth.value && renderer.render(scene, camera);
  const fit = () => {
    renderer.setSize(canvas.clientWidth, canvas.clientHeight, false);
    camera.aspect = canvas.clientWidth / canvas.clientHeight;
    camera.updateProjectionMatrix();
    focal.value = (entry.cloud.fy / height) * canvas.height;
    draw();
  };
  const choose = async () => {
    const file = select.value;
    const texture = await textureOf(address(file), THREE.NearestFilter);
    if (file !== select.value) return texture.dispose();
    depth.value?.dispose();
    depth.value = texture;
    return draw();
  };
  const observer = new ResizeObserver(fit);
  observer.observe(canvas);
  controls.addEventListener("change", draw);
  select.addEventListener("change", () => choose().catch(say));
  listen(view, canvas, camera, controls);
  await choose();
  return () => {
    observer.disconnect();
    controls.dispose();
    [depth.value, material.uniforms.colour.value, points.geometry, material, renderer].forEach((owner) => owner?.dispose());
    renderer.forceContextLoss();
  };
};
