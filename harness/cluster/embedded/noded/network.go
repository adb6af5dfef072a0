package main

import (
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
)

// makeNetwork gives the node its address. It sits on one end of a veth pair whose other end nobody uses: the node
// needs an interface with an address and a default route for kube-proxy and the CNI plugin to work with, and has no
// way out. Not every kernel has the dummy interface that one would use otherwise.
func makeNetwork(nodeIP string) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback interface: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("start the loopback interface: %w", err)
	}
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "node0"}, PeerName: "node0p"}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("make the node's interface (does this kernel have veth?): %w", err)
	}
	peer, err := netlink.LinkByName(veth.PeerName)
	if err != nil {
		return fmt.Errorf("find the node's interface: %w", err)
	}
	addr, err := netlink.ParseAddr(nodeIP)
	if err != nil {
		return fmt.Errorf("the node's address %q: %w", nodeIP, err)
	}
	if err := netlink.AddrAdd(veth, addr); err != nil {
		return fmt.Errorf("give the node the address %s: %w", nodeIP, err)
	}
	for _, link := range []netlink.Link{veth, peer} {
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("start %s: %w", link.Attrs().Name, err)
		}
	}
	everywhere := &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
	route := &netlink.Route{LinkIndex: veth.Attrs().Index, Scope: netlink.SCOPE_LINK, Dst: everywhere}
	if err := netlink.RouteAdd(route); err != nil {
		return fmt.Errorf("add the node's default route: %w", err)
	}
	// Pods talk to each other through the node.
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("let the node forward packets: %w", err)
	}
	return nil
}
