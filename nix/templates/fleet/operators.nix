# People who may read the control plane: `nixfleet status` and the like. They can change nothing; a commit does.
{
}
