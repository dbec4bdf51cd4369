"""The checks of the contract of hypervisor drivers, by what they are about; `contract` lists them."""
