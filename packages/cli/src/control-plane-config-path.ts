/** Where the module puts the control plane's settings. */
export const controlPlaneConfigDefault = '/etc/nixfleet/control-plane.json';
