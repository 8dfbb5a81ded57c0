// Shows what snapd itself does with the ubuntu-seed partition at /run/mnt/ubuntu-seed, where it looks for it: checker configure|switch.
//
// configure: installs settings for cloud-init into /run/mnt/ubuntu-data/system-data.
// switch:    makes the run system there and tells the bootloader to start it.
// Both are the last steps of install mode, in this order; a test lays the folders there in a mount namespace of its own.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/snapcore/snapd/asserts"
	"github.com/snapcore/snapd/boot"
	"github.com/snapcore/snapd/osutil"
	"github.com/snapcore/snapd/snap"
	"github.com/snapcore/snapd/snap/snapfile"
	"github.com/snapcore/snapd/sysconfig"
)

const (
	seed = "/run/mnt/ubuntu-seed"
	data = "/run/mnt/ubuntu-data/system-data"
)

func main() {
	step := map[string]func(*system) error{"configure": configure, "switch": switchToRun}[strings.Join(os.Args[1:], " ")]
	if step == nil {
		fail(errors.New("usage: checker configure|switch"))
	}
	found, err := find()
	if err != nil {
		fail(err)
	}
	err = step(found)
	os.RemoveAll(found.snaps.UnpackedGadgetDir)
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// system is what the seed installs: its model, and the snaps that boot.
type system struct {
	model *asserts.Model
	snaps boot.BootableSet
}

// configure chooses by grade and gadget as snapd's setSysconfigCloudOptions does, which other programs cannot call.
func configure(found *system) error {
	gadget := found.snaps.UnpackedGadgetDir
	options := &sysconfig.Options{
		TargetRootDir:  data,
		GadgetDir:      gadget,
		AllowCloudInit: sysconfig.HasGadgetCloudConf(gadget) || found.model.Grade() != asserts.ModelSecured,
	}
	if folder := filepath.Join(seed, "data/etc/cloud/cloud.cfg.d"); osutil.IsDirectory(folder) {
		options.CloudInitSrcDir = folder
	}
	return sysconfig.ConfigureTargetSystem(found.model, options)
}

func switchToRun(found *system) error {
	if err := boot.MakeRunnableSystem(found.model, &found.snaps, nil); err != nil {
		return err
	}
	return boot.EnsureNextBootToRunMode(found.snaps.RecoverySystemLabel)
}

// find reads the seed. Who signed the model is not looked at.
func find() (*system, error) {
	path, err := only("systems/*/model")
	if err != nil {
		return nil, err
	}
	model, err := readModel(path)
	if err != nil {
		return nil, err
	}
	// Of label and folder, later releases want the label alone; 2.57 then notes `.` in its modeenv, at which nobody looks here.
	snaps := boot.BootableSet{RecoverySystemLabel: filepath.Base(filepath.Dir(path))}
	if snaps.Base, snaps.BasePath, err = theSnap(model.Base()); err != nil {
		return nil, err
	}
	if snaps.Kernel, snaps.KernelPath, err = theSnap(model.Kernel()); err != nil {
		return nil, err
	}
	if snaps.Gadget, snaps.GadgetPath, err = theSnap(model.Gadget()); err != nil {
		return nil, err
	}
	snaps.UnpackedGadgetDir, err = unpacked(snaps.GadgetPath)
	return &system{model, snaps}, err
}

func readModel(path string) (*asserts.Model, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	assertion, err := asserts.Decode(text)
	if err != nil {
		return nil, err
	}
	model, ok := assertion.(*asserts.Model)
	if !ok {
		return nil, fmt.Errorf("%s is no model", path)
	}
	return model, nil
}

// theSnap is the seed's only snap of a name.
func theSnap(name string) (*snap.Info, string, error) {
	path, err := only("snaps/" + name + "_*.snap")
	if err != nil {
		return nil, "", err
	}
	text := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), name+"_"), ".snap")
	revision, err := snap.ParseRevision(text)
	return &snap.Info{SideInfo: snap.SideInfo{RealName: name, Revision: revision}}, path, err
}

func unpacked(path string) (string, error) {
	container, err := snapfile.Open(path)
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "gadget")
	if err != nil {
		return "", err
	}
	return folder, container.Unpack("*", folder)
}

func only(pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(seed, pattern))
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%d files are called %s", len(found), pattern)
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}
